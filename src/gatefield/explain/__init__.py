"""What a trained network does, and why: attributions, attacks and dissections of any `nn.Module`."""
