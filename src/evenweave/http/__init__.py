"""Faces over HTTP: they translate, and hold no rule of the business."""
