"""Jobs run in the calling thread; what one raised last stays here, as in Forge."""

last_exception = None


def run_and_wait_result(func, *args, **kwargs):
    return func(*args, **kwargs)


async_run = run_and_wait_result
