"""Networks: the zoo, loading, and tracing through torch.export."""
