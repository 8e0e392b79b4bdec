/** Contract of the simulated Linux network. Addresses are canonical strings (RFC 5952 for IPv6), MACs lower case. */
export type Ip = string
export type Mac = string
/** "10.244.1.0/24" */
export type Cidr = string
