"""The paths under ``/api/v1`` and ``/health``, a module a subject."""
