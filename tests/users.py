"A prefix for commands that must obey file permissions, even if root runs the tests"
import os, shutil

WITHOUT_PRIVILEGES = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
is_root = hasattr(os, "geteuid") and not os.geteuid()

bound = []  # what such a command begins with, or None if root cannot give up its privileges here
if is_root: bound = WITHOUT_PRIVILEGES if shutil.which("setpriv") else None
