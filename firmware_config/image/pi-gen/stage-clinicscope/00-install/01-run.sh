#!/bin/bash -e
# The same installer as on a system that is there. Without a network at the build where
# build/image/arm64/wheels is there (make image-root), else by the lock.
place=/var/tmp/clinicscope
mkdir -p "${ROOTFS_DIR}${place}"
cd "${CLINICSCOPE}"
cp -r edge web_ui train compress firmware_config requirements pyproject.toml README.md LICENSE \
  "${ROOTFS_DIR}${place}"
wheels=""
if [ -d build/image/arm64/wheels ]; then
  cp -r build/image/arm64/wheels "${ROOTFS_DIR}${place}/wheels"
  wheels="--wheels ${place}/wheels"
fi
country=""
if [ -n "${WPA_COUNTRY}" ]; then
  country="--wifi-country ${WPA_COUNTRY}"
fi
on_chroot << EOF
bash ${place}/firmware_config/install.sh --model ${CLINICSCOPE_MODEL} --no-packages ${wheels} ${country}
EOF
rm -rf "${ROOTFS_DIR:?}${place}"
