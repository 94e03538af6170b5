"""Attacks: small changes of an input that change a network's answer; and what helps against them."""
