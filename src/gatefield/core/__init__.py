"""What every room stands on: errors, arguments, discovery, recipes, run folders, seeds, devices, the console.

Nothing in here knows what a network is.
"""
