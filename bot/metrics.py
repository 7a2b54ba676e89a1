"""Every metric the bot has, named in one place.

The rule here: a label takes its values from a closed set of the program's own words. Never a version, a
user, a repository or anything else that somebody outside can make up.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

# https://docs.github.com/en/webhooks/webhook-events-and-payloads
KNOWN_EVENTS = frozenset(
    {
        "check_run",
        "check_suite",
        "installation",
        "installation_repositories",
        "issue_comment",
        "issues",
        "ping",
        "pull_request",
        "push",
        "workflow_dispatch",
        "workflow_job",
        "workflow_run",
    }
)
OTHER = "other"


class Metrics:
    """The counters, gauges and histograms of one bot, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.deliveries = Counter(
            "release_bot_deliveries",
            "Webhook requests, by event and by what became of them.",
            ["event", "outcome"],
            registry=registry,
        )
        self.verified = Counter(
            "release_bot_deliveries_verified",
            "Deliveries whose signature was right, by the position (from 1) of the secret in WEBHOOK_SECRET.",
            ["secret"],
            registry=registry,
        )
        self.github_requests = Counter(
            "release_bot_github_requests",
            "Requests to GitHub, by purpose and outcome.",
            ["purpose", "outcome"],
            registry=registry,
        )
        self.github_seconds = Histogram(
            "release_bot_github_seconds",
            "Time until GitHub answered, in seconds.",
            ["purpose"],
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=registry,
        )
        self.dispatches = Counter(
            "release_bot_dispatches", "Workflow dispatches, by outcome.", ["outcome"], registry=registry
        )
        self.reruns = Counter(
            "release_bot_reruns", "Re-runs of failed jobs, by cause.", ["cause"], registry=registry
        )
        self.rerun_outcomes = Counter(
            "release_bot_rerun_outcomes",
            "What came of automatic re-runs, by the cause they were made for.",
            ["cause", "outcome"],
            registry=registry,
        )
        self.failures = Counter(
            "release_bot_failures",
            "Failed attempts, by their cause and by what follows: a re-run or a person.",
            ["cause", "outcome"],
            registry=registry,
        )
        self.commands = Counter(
            "release_bot_commands", "Commands, by verb and outcome.", ["verb", "outcome"], registry=registry
        )
        self.quarantined = Counter(
            "release_bot_deliveries_quarantined",
            "Deliveries that were set aside because handling them kept failing.",
            registry=registry,
        )
        self._define_gauges(registry)

    def _define_gauges(self, registry: CollectorRegistry) -> None:
        """What is true now, and what is being waited for."""
        self.releases = Gauge(
            "release_bot_releases", "Open releases, by state.", ["state"], registry=registry
        )
        self.inbox_pending = Gauge(
            "release_bot_inbox_pending", "Deliveries stored and not yet handled.", registry=registry
        )
        self.writes_waiting = Gauge(
            "release_bot_writes_waiting",
            "Writes to GitHub that wait for their turn, by what goes first.",
            ["rank"],
            registry=registry,
        )
        self.rate_limited_until = Gauge(
            "release_bot_rate_limited_until_seconds",
            "When GitHub's rate limit ends (Unix time in seconds); 0 when there is none.",
            registry=registry,
        )
        self.circuit_open_until = Gauge(
            "release_bot_circuit_open_until_seconds",
            "When GitHub is asked again after failing many times in a row (Unix time in seconds); 0 while it answers.",
            registry=registry,
        )
        self.steps_held = Gauge(
            "release_bot_steps_held",
            "Steps that wait for a time to come: a dispatch that was held back, or a re-run.",
            ["kind"],
            registry=registry,
        )
        self.steps_held_until = Gauge(
            "release_bot_steps_held_until_seconds",
            "When the last of these steps goes on (Unix time in seconds); 0 when there is none.",
            ["kind"],
            registry=registry,
        )
        self.look_age = Gauge(
            "release_bot_look_age_seconds",
            "Age in seconds of the oldest look at a repository with a live or awaited run.",
            registry=registry,
        )

    def count_delivery(self, event: str, outcome: str) -> None:
        """`event` is a header that anybody can send: unknown names count as `other`."""
        self.deliveries.labels(event if event in KNOWN_EVENTS else OTHER, outcome).inc()
