"""The Lab: set a run up, start and steer it, watch it live, go back in time."""
