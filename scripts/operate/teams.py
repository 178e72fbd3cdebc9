"""Shows and changes the teams of a gateway."""

from operate import accounts

if __name__ == "__main__":
    accounts.main("team")
