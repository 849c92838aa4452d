"""Studies drawn under a known truth: false alarms and power of the tests."""
