/** What every component of the cluster is built from: /version, and their metric kubernetes_build_info. */
export const VERSION = {
  major: '1',
  minor: '33',
  gitVersion: 'v1.33.1',
  gitCommit: '8adc0f041b8e7ad1d30e29cc59c6ae7a15e19828',
  buildDate: '2025-05-15T08:19:08Z',
  goVersion: 'go1.24.2',
  platform: 'linux/amd64',
}
