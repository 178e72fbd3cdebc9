"""What models can do with the catalogue: tools, served over MCP, over REST, and to completions that run them."""
