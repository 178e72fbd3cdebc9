"""Imports one handler as Lambda would, and tells what that loaded. Run in a fresh interpreter with -S -I -B:
no site-packages, no environment variables, and nothing compiled beforehand, as on a cold start.

Arguments: the function's folder, the python folders of its layers, the folder with boto3.
Prints JSON: {"milliseconds": …, "packages": {top-level package: the folder it came from}}.
"""

import importlib
import json
import os
import sys
import time

folders = sys.argv[1:]
sys.path[:0] = folders
os.environ.update(json.loads(sys.stdin.read()))

started = time.perf_counter()
handler = importlib.import_module("app").lambda_handler
milliseconds = (time.perf_counter() - started) * 1000

if not callable(handler):
    raise SystemExit("app.lambda_handler is no function")
packages = {}
for name, module in sys.modules.items():
    file = getattr(module, "__file__", None) or ""
    for folder in folders:
        if name != "app" and file.startswith(folder + os.sep):
            packages[name.partition(".")[0]] = folder
print(json.dumps({"milliseconds": milliseconds, "packages": packages}))
