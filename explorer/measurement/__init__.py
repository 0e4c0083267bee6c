"""What is measured of a network and its designs: activations, batch statistics, accuracy, sensitivity."""
