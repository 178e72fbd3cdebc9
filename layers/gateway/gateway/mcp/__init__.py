"""The catalogue as an MCP server. Only the mcp function imports this: the SDK is in a layer of its own."""
