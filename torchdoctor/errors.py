"""The errors that torchdoctor itself raises. Each says what, where, and what to do."""

from __future__ import annotations

# A fault of ours is told in one line and stops nobody; where this variable is set it is raised: in our own tests, and
# for whoever looks for it.
FAULTS_ARE_RAISED = "TORCHDOCTOR_RAISE"


class TorchdoctorError(Exception):
    """Something could not be done. The text is shown to the user as it is; the command exits with 2."""


class PageError(TorchdoctorError):
    """A rule's page does not keep the form of rules/README.md."""


class UnknownRule(TorchdoctorError):
    """A name that is neither a rule, a topic, a severity nor ``all``."""


class ConfigError(TorchdoctorError):
    """The configuration cannot be used as it stands."""


class BaselineError(TorchdoctorError):
    """A baseline cannot be read, or is none."""
