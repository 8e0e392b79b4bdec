/** The contracts of this room, by subject. */
export type * from './types/addresses.ts'
export type * from './types/packets.ts'
export type * from './types/links.ts'
export type * from './types/routes.ts'
export type * from './types/netfilter.ts'
export type * from './types/sockets.ts'
export type * from './types/namespace.ts'
