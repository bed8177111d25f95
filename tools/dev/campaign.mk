# SPDX-License-Identifier: BSD-3-Clause
# The steps of tools/dev/test, each in a build directory of its own below $(WORK). One make runs
# them all, so that they share its jobs: builds compute while tests wait.
#
#   gcc         every test
#   sanitizers  every test that runs a task, with AddressSanitizer and UndefinedBehaviorSanitizer
#   threads     the pool library's tests, with ThreadSanitizer
#   clang       compiles without a warning with clang, too
#   valgrind    finds memory that is used before it is set, which no sanitizer above does
#   dist        checks that the tarball has every file, builds, and installs programs that work

SHELL = /bin/sh
STEP = $(TOP)/tools/dev/step
# A step's own flags come after those it shares with others.
configure = +$(STEP) run '$@' env -C $(WORK)/$(basename $@) $(TOP)/configure -q
make = $(MAKE) -C $(WORK)/$(basename $@)

.PHONY: gcc sanitizers threads clang valgrind dist autogen
.SUFFIXES:
.SILENT:
gcc: gcc.check
sanitizers: sanitizers.check
threads: threads.check
clang: clang.make
valgrind: gcc.valgrind
dist: gcc.dist

.PHONY: gcc.configure gcc.make gcc.check gcc.valgrind gcc.dist sanitizers.configure \
	sanitizers.make sanitizers.check threads.configure threads.make threads.check clang.configure \
	clang.make

autogen:
	+$(STEP) run '$@' env -C $(TOP) ./autogen.sh

# The longest chain of steps comes first: sanitized tests take longest.
sanitizers.configure: autogen
	$(configure) CC=gcc CXX=g++ --enable-sanitizers CFLAGS='-O1 -g'
sanitizers.make: sanitizers.configure
	+$(STEP) run '$@' $(make) all
sanitizers.check: sanitizers.make
	+$(STEP) check '$@' $(WORK)/sanitizers $(make) -k check 'TESTS=$$(sanitizers_tests)'

gcc.configure: autogen
	$(configure) CC=gcc CXX=g++ --enable-werror CFLAGS='-O2 -g'
gcc.make: gcc.configure
	+$(STEP) run '$@' $(make) all
gcc.check: gcc.make
	+$(STEP) check '$@' $(WORK)/gcc $(make) -k check

# Workers are forked by a program that may have threads, and fork themselves.
threads.configure: autogen
	$(configure) CC=gcc CXX=g++ --enable-sanitizers=thread CFLAGS='-O1 -g'
threads.make: threads.configure
	+$(STEP) run '$@' $(make) libbatchrun.la
threads.check: threads.make
	+TSAN_OPTIONS=die_after_fork=0 $(STEP) check '$@' $(WORK)/threads $(make) -k check \
		'TESTS=$$(pool_tests)' 'check_PROGRAMS=$$(pool_tests)' check_LTLIBRARIES=

# The warnings of clang do not depend on optimization.
clang.configure: autogen
	$(configure) CC=clang CXX=clang++ --enable-werror CFLAGS=-O0
clang.make: clang.configure
	+$(STEP) run '$@' $(make) all

# Check forks for every case: an error that valgrind finds in one becomes that case's exit status. The
# command needs libtool, because in the build directory a program that is linked with the shared library
# is a script. The tests use
# the directory that gcc.check uses, so they come after it, if both are asked for.
VALGRIND = valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect
gcc.valgrind: gcc.make $(if $(filter gcc,$(MAKECMDGOALS)),gcc.check)
	+$(STEP) check '$@' $(WORK)/gcc $(make) -k check 'TESTS=$$(valgrind_tests)' \
		'LOG_COMPILER=$$(srcdir)/tests/timed ./libtool --mode=execute $(VALGRIND)'

# The program is the same as in the other steps. This step checks that the tarball has all files from
# which the program and its documents are made, and that the installed files work for a user.
gcc.dist: gcc.make
	+$(STEP) run '$@' $(make) distcheck 'TESTS=$$(dist_tests)' check_PROGRAMS= \
		'DISTCHECK_CONFIGURE_FLAGS=CFLAGS=-O0'
	+$(STEP) run 'the tarball has every file' $(TOP)/tools/dev/step whole $(WORK)/gcc
