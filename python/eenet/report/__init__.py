"""``eenet-report``: what a bundle does on images that nothing was fitted on, as one HTML page."""
