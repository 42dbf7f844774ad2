"Commands that permissions bind, whoever runs the tests"
import os, shutil

BINDING = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]  # root without what lets it read and write everything
is_root = hasattr(os, "geteuid") and not os.geteuid()
bound = [] if not is_root else BINDING if shutil.which("setpriv") else None  # what a command begins with; None where nothing binds root
