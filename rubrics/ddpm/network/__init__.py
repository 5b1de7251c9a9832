"""Exercise 2, the U-Net: shapes, skip connections and time conditioning."""
