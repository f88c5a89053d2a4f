"""``eenet-bench``: what a bundle takes on this device."""
