"""Identities in a class: identifiers, claims, records, matches by name."""
