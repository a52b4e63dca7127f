"""Helpers of networks: gradients clipped, parameters as vectors, sequences packed, weights reparametrized or pruned."""
