/** Until the kubelet's relist notices that a container ended, in ms. */
export const RELIST = 1_000
