export { ipvsadmCommand, readsRules } from './command.ts'
export { Ipvs, IpvsError } from './ipvs.ts'
export type { RealServer, ServerOptions, ServiceKey, ServiceOptions, VirtualService } from './service.ts'
export type { IpvsConnection } from './connections.ts'
