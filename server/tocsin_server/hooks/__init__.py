"""Webhooks: how other systems follow alerts."""
