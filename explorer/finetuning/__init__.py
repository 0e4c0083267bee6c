"""Fine-tuning of designs."""
