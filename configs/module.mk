# SPDX-License-Identifier: BSD-3-Clause
# Job files to start from; tests/system runs each one.
EXTRA_DIST += \
	configs/async.yaml \
	configs/commands.yaml \
	configs/licenses.yaml \
	configs/pricing.yaml \
	configs/quickstart.yaml
