"""The health check of a container: healthy.py URL

Exit code 0 where the page says that the device may screen, 1 otherwise. The certificate is the
device's own, and the one asked is this container.
"""

from __future__ import annotations

import ssl
import sys
import urllib.request


def main(url: str) -> int:
    """Asks once."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=8, context=trusting) as answer:
            return 0 if answer.status == 200 else 1
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
