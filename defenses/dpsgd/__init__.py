"""DP-SGD: noisy sums of clipped gradients."""
