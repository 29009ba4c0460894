"""Settings of all tests: Hypothesis does not judge by the clock, which says nothing on a busy machine."""

from hypothesis import HealthCheck, settings

settings.register_profile("kenpo", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kenpo")
