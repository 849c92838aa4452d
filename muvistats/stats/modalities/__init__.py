"""What each modality contributes, and how modalities differ."""
