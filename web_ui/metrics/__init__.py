"""Figures for monitoring at `/metrics`, as Prometheus reads them. No label names a patient."""

from __future__ import annotations
