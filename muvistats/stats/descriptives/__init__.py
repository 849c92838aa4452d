"""What was collected: participants, design, distributions."""
