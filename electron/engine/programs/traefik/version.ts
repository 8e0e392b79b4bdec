/** traefik/traefik v3.3.6. */
export const VERSION_NAMES = { version: '3.3.6', codename: 'saintnectaire' } as const
