"""The local platform: the same template, deployed by the same `sam deploy`, to an emulator on this machine."""
