"""Clients of the tools that hold subscribers too, one module each; `tool` is what they share."""
