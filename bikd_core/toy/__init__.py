"""The toy: two-dimensional long-tailed points on which BiKD trains while somebody moves them.

One child process trains the toys of all visitors in turn, in memory. No torch outside it.
"""
