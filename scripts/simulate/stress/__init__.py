"""scripts/stress-ledger: the real ledger against a DynamoDB, raced for and killed."""
