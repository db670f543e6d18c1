"""Print, as shell exports, the package index and certificates that pip is configured with.

Poetry reads neither pip.conf nor PIP_* variables, so where pip works through a mirror or a company's
certificate it is told by this.
"""

import shlex

from pip._internal.commands import create_command

options = create_command("install").parser.get_default_values()
print("export POETRY_PYPI_MIRROR_URL=" + shlex.quote(options.index_url))
if options.cert:
    print("export REQUESTS_CA_BUNDLE=" + shlex.quote(options.cert))
