"""Features of sound and picture, window by window, from audio and video files."""
