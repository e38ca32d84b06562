"""Losses as (sum, count), and the one scalar that joins them."""
