"""How long tests wait for what must come. One that passes does not wait: only a failure is late."""

PATIENCE_S = 300.0  # with three other processes at full speed, imports alone have taken a minute
PATIENCE_MS = 1000 * PATIENCE_S
