"""Pictures of videos, flow and predictions."""
