# SPDX-License-Identifier: BSD-2-Clause
# skbox: see README.md.  make, make test, make demo, make install [DESTDIR=] [PREFIX=]
# SAN=1 builds everything under ASan and UBSan into build/san; CC=clang works; V=1 shows the commands.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
CC ?= gcc
CLANG ?= clang
BPFTOOL ?= bpftool
PKG_CONFIG ?= pkg-config
VERSION := 0.1.0

SAN ?= 0
ifeq ($(SAN),1)
B := build/san
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT ?= -O1
else
B := build
SANFLAGS :=
OPT ?= -O2
endif
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
WERROR := $(if $(CI),-Werror,)

CFLAGS ?= -g
# the same bytes wherever it is built
SAMEPATH := -ffile-prefix-map=$(CURDIR)=.
HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=$(if $(filter 1,$(SAN)),0,2) -fPIE
# system headers before -I.: <linux/...> must not be shadowed by our folders
CPPFLAGS_ALL := -I. -I$(B) -D_GNU_SOURCE -DSKBOX_VERSION='"$(VERSION)"' $(CPPFLAGS)
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-unused-parameter
CFLAGS_ALL := -std=gnu11 -pthread $(OPT) $(CFLAGS) $(WARN) $(WERROR) $(HARDEN) $(SAMEPATH) $(SANFLAGS)
LDFLAGS_ALL := -pie -Wl,-z,relro,-z,now $(SANFLAGS) $(LDFLAGS)

FORMATS_LIBS := -lzstd -lpcap -lz
ANALYZE_LIBS := $(FORMATS_LIBS) -lyaml -lz -lm
# what limits system calls; without it, or with SECCOMP=no, --version says so
SECCOMP ?= $(shell $(PKG_CONFIG) --exists libseccomp 2>/dev/null && echo yes)
ifeq ($(SECCOMP),yes)
CPPFLAGS_ALL += -DHAVE_SECCOMP
ANALYZE_LIBS += -lseccomp
endif
CAPTURE_LIBS := $(ANALYZE_LIBS) -lbpf -lelf
# AES for skbox anonymize and bundle; without it, or with CRYPTO=no, these and --version say so
CRYPTO ?= $(shell $(PKG_CONFIG) --exists libcrypto 2>/dev/null && echo yes)
ifeq ($(CRYPTO),yes)
CPPFLAGS_ALL += -DHAVE_CRYPTO
CRYPTO_LIBS := -lcrypto
ANALYZE_LIBS += $(CRYPTO_LIBS)
endif

# charts of skbox report: Debian's node-d3; without it, or with D3=, pages have their tables and --version says so
D3 ?= $(wildcard /usr/share/nodejs/d3/dist/d3.min.js)
D3_SANKEY ?= $(wildcard /usr/share/nodejs/d3-sankey/dist/d3-sankey.min.js)

# of libskbox: what may be included by others
PUBLIC := $(addprefix formats/,event.h schema.def schema.h error.h skbx/skbx.h skbx/skbx_file.h)

objs = $(patsubst %.c,$(B)/obj/%.o,$(wildcard $(1)))
FORMATS_OBJ := $(call objs,formats/*.c formats/*/*.c)
CLI_OBJ := $(call objs,cli/*.c)
ANALYZE_OBJ := $(call objs,analyze/*.c analyze/*/*.c)
CAPTURE_OBJ := $(call objs,capture/*.c capture/*/*.c)
BPF_SKEL := $(patsubst bpf/%.bpf.c,$(B)/bpf/%.skel.h,$(wildcard bpf/*.bpf.c))
UNIT := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/*.c))
FUZZ := $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
HELPERS := $(patsubst tests/live/%.c,$(B)/tests/live/%,$(wildcard tests/live/*.c))

.DELETE_ON_ERROR:
.PHONY: FORCE all skbox skbox-capture man tests torture clean install install-skbox install-capture install-lib deb test-packages static tarball test-tarball test test-kernels demo demo-recording bench bench-instructions bless fuzz coverage mutants
all: skbox skbox-capture man
skbox: $(B)/skbox
man: $(B)/man/made
skbox-capture: $(B)/skbox-capture
tests: $(UNIT) $(FUZZ) $(HELPERS)

$(B)/libskbox.a: $(FORMATS_OBJ)
	$(Q)rm -f $@ && ar rcsD $@ $^

$(B)/skbox: $(ANALYZE_OBJ) $(CLI_OBJ) $(B)/libskbox.a
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(ANALYZE_LIBS)

# for "make tarball": nothing of this system is needed where it runs. libpcap.a is made by packaging/tarball;
# what the linker says about glibc's modules for names is left out: packaging/static/names.c rules them out
static: $(B)/static/skbox
$(B)/static/skbox: packaging/static/names.c $(ANALYZE_OBJ) $(CLI_OBJ) $(B)/libskbox.a
	@test -e $(B)/static/libpcap.a || packaging/tarball --libpcap $(B)/static
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS_ALL) $(CPPFLAGS_ALL) $(LDFLAGS_ALL) -static-pie -s -Wl,--build-id=none,--gc-sections -o $@ $^ -L$(B)/static $(ANALYZE_LIBS) 2>$@.log || { cat $@.log && false; }
	$(Q)! grep -vE 'in statically linked applications requires at runtime|: in function ' $@.log

$(B)/skbox-capture: $(CAPTURE_OBJ) $(CLI_OBJ) $(B)/libskbox.a
	@echo "  LD      $@"
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(CAPTURE_LIBS)

# options of each command's page come from the tables in the program
$(B)/man/made: $(B)/skbox man/pages man/pages.awk $(wildcard man/*.[1-8] profiles/*.yaml)
	$(Q)man/pages $(B)/skbox $(@D) && touch $@

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CFLAGS_ALL) $(CPPFLAGS_ALL) -MMD -MP -c -o $@ $<

# the profiles and the rules are part of the programs
$(B)/obj/analyze/check/check_builtin.o: $(wildcard rules/*.yaml)
$(B)/obj/capture/config/profile_builtin.o: $(wildcard profiles/*.yaml)

# and so is the page of the report; which chart library it has is in a file, so that another makes it anew
PAGE := analyze/report/page
$(B)/obj/analyze/report/report_page.o: CPPFLAGS_ALL += -DREPORT_PAGE='"$(B)/page"'
$(B)/obj/analyze/report/report_page.o: $(B)/page/tail.html
$(B)/page/tail.html: $(wildcard $(PAGE)/*) $(D3) $(D3_SANKEY) $(B)/page/charts
	$(Q)$(PAGE)/build $(@D) $(if $(D3_SANKEY),$(D3),) $(if $(D3),$(D3_SANKEY),)
$(B)/page/charts: FORCE
	$(Q)mkdir -p $(@D) && echo '$(D3) $(D3_SANKEY)' | cmp -s - $@ || echo '$(D3) $(D3_SANKEY)' >$@
FORCE:

# BPF: the skeletons come before the recorder's objects
# Debian keeps asm/ in a folder of the machine's triplet, which the bpf target does not search
BPF_CPPFLAGS ?= -idirafter /usr/include/$(shell $(CC) -print-multiarch 2>/dev/null)
$(CAPTURE_OBJ): | $(BPF_SKEL)
$(B)/bpf/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	@echo "  BPF     $<"
	$(Q)$(CLANG) -O2 -g -target bpf -mcpu=v3 -Wall -Werror $(SAMEPATH) -I. $(BPF_CPPFLAGS) -MMD -MP -c -o $@.tmp $< -MT $@ -MF $(@:.o=.d)
	$(Q)$(BPFTOOL) gen object $@ $@.tmp && rm -f $@.tmp
.PRECIOUS: $(B)/bpf/%.bpf.o
$(B)/bpf/%.skel.h: $(B)/bpf/%.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $< name $(*F)_bpf > $@

# unit tests link what they use of everything but the main functions
TEST_OBJ := $(filter-out %/main.o,$(ANALYZE_OBJ) $(CLI_OBJ))
$(B)/libtest.a: $(TEST_OBJ)
	$(Q)rm -f $@ && ar rcsD $@ $^
$(B)/tests/unit/%: tests/unit/%.c $(B)/libtest.a $(B)/libskbox.a
	@mkdir -p $(@D)
	@echo "  TEST    $@"
	$(Q)$(CC) $(CFLAGS_ALL) $(CPPFLAGS_ALL) $(LDFLAGS_ALL) -MMD -MP -MF $@.d -o $@ $< $(filter %.o %.a,$^) $(ANALYZE_LIBS) -lcmocka
# its types are made by libbpf
$(B)/tests/unit/test_filter_meta: ANALYZE_LIBS += -lbpf -lelf
# some of these two kinds use the recorder's parts
$(B)/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/replay.c $(B)/libcapture.a $(B)/libtest.a $(B)/libskbox.a
	@mkdir -p $(@D)
	@echo "  FUZZ    $@"
	$(Q)$(CC) $(CFLAGS_ALL) $(CPPFLAGS_ALL) $(LDFLAGS_ALL) -MMD -MP -MF $@.d -o $@ $(filter %.c %.o %.a,$^) $(CAPTURE_LIBS) $(CRYPTO_LIBS)
$(B)/libcapture.a: $(filter-out %/main.o,$(CAPTURE_OBJ))
	$(Q)rm -f $@ && ar rcsD $@ $^
$(B)/tests/live/%: tests/live/%.c $(B)/libcapture.a $(B)/libtest.a $(B)/libskbox.a
	@mkdir -p $(@D)
	@echo "  TEST    $@"
	$(Q)$(CC) $(CFLAGS_ALL) $(CPPFLAGS_ALL) $(LDFLAGS_ALL) -MMD -MP -MF $@.d -o $@ $(filter %.c %.o %.a,$^) $(CAPTURE_LIBS) $(CRYPTO_LIBS)

# demo/traffic.c and the benchmark's helpers need nothing of ours
$(B)/demo/%: demo/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -D_GNU_SOURCE -o $@ $<
$(B)/tests/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -D_GNU_SOURCE -o $@ $<

# "make bless NAME=glob" rewrites what golden tests expect; read the diff before committing it
NAME ?= *
JOBS := $(shell n=$$(nproc 2>/dev/null || echo 1); [ $$n -le 4 ] || n=4; echo $$n)
test:
	$(Q)tests/deps test vm
	$(Q)tests/run
test-kernels: all
	$(Q)tests/deps test vm
	$(Q)tests/vm/kernels all
demo:
	$(Q)tests/deps demo
	$(Q)$(MAKE) --no-print-directory -s -j$(JOBS) all $(B)/demo/traffic
	$(Q)demo/run
# the shipped recording, where nothing else is seen, and what golden tests expect of it
demo-recording: all $(B)/demo/traffic
	$(Q)unshare -m -n -p -f --mount-proc sh -c 'mount -t tmpfs run /run && demo/run --record-only testdata/demo.skbx'
	$(Q)chmod 644 testdata/demo.skbx
	$(Q)tests/facts testdata/demo.skbx
	$(Q)$(MAKE) --no-print-directory bless NAME='demo*'
# crash safety, losses and a bad host, the long way: docs/torture.md
torture: all
	$(Q)tests/deps test
	$(Q)tests/torture/run
bench:
	$(Q)tests/deps bench
	$(Q)$(MAKE) --no-print-directory -s -j$(JOBS) all $(B)/tests/bench/gen-events
	$(Q)tests/bench/run
# "--store" by hand: tests/bench/instructions --store
bench-instructions:
	$(Q)tests/deps bench
	$(Q)$(MAKE) --no-print-directory -s -j$(JOBS) skbox $(B)/tests/bench/gen-events
	$(Q)tests/bench/instructions
# build/coverage/lines.txt and missed.txt; docs/coverage.md says why what is missed is
coverage:
	$(Q)tests/deps test fuzz
	$(Q)tests/coverage
# changes in the code that no test notices: docs/coverage.md; make mutants N=20 SEED=7
N ?= 200
SEED ?= 1
mutants:
	$(Q)tests/deps test
	$(Q)nice tests/mutate -n $(N) -s $(SEED)
fuzz:
	$(Q)tests/deps fuzz
	$(Q)tests/fuzz/run
bless: skbox
	$(Q)tests/golden/golden --bless $(B)/skbox '$(NAME)' tests/golden/*.tests
	$(Q)tests/readme --bless README.md docs/*.md

# manuals that belong to the recorder
CAPTURE_PAGES := skbox-capture.8 skbox-profiles.5
# three parts, as they are packaged; DESTDIR is where the tree is put together, PREFIX where it will be
install: install-skbox install-capture install-lib
install-skbox: skbox man
	install -D -m 755 $(B)/skbox $(DESTDIR)$(PREFIX)/bin/skbox
	for page in $(filter-out $(CAPTURE_PAGES),$(notdir $(wildcard man/*.[1-8]))) $$(cd $(B)/man && echo skbox-*.1); do \
		install -D -m 644 $(B)/man/$$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$$page || exit; done
	install -D -m 644 completions/skbox.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/skbox
	install -D -m 644 completions/_skbox $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_skbox
	install -D -m 644 completions/skbox.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/skbox.fish
install-capture: skbox-capture man
	install -D -m 755 $(B)/skbox-capture $(DESTDIR)$(PREFIX)/bin/skbox-capture
	for page in $(CAPTURE_PAGES); do install -D -m 644 $(B)/man/$$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$$page || exit; done
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's,@PREFIX@,$(PREFIX),' packaging/skbox-capture@.service.in >$(DESTDIR)$(PREFIX)/lib/systemd/system/skbox-capture@.service
	install -D -m 644 completions/skbox.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/skbox-capture
	install -D -m 644 completions/_skbox $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_skbox-capture
	install -D -m 644 completions/skbox.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/skbox-capture.fish
install-lib: $(B)/libskbox.a
	for file in $(PUBLIC); do install -D -m 644 $$file $(DESTDIR)$(PREFIX)/include/skbox/$$file || exit; done
	install -D -m 644 $(B)/libskbox.a $(DESTDIR)$(LIBDIR)/libskbox.a
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig
	sed 's,@PREFIX@,$(PREFIX),; s,@LIBDIR@,$(LIBDIR),; s,@VERSION@,$(VERSION),' packaging/libskbox.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/libskbox.pc

# Debian packages, into build/deb; built in a copy of the tree
deb:
	$(Q)tests/deps deb
	$(Q)packaging/deb build/deb
test-packages: deb
	$(Q)tests/packages.sh build/deb
# The analyzer as one static program, and the sources that its licences ask for, into build/tarball
tarball:
	$(Q)tests/deps tarball
	$(Q)packaging/tarball build/tarball
test-tarball: tarball
	$(Q)tests/tarball.sh build/tarball

clean:
	rm -rf build

-include $(shell find $(B) -name '*.d' -type f 2>/dev/null)
