"""Shows and changes the API keys of a gateway."""

from operate import accounts

if __name__ == "__main__":
    accounts.main("key")
