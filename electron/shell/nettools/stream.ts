export { ownerOf, pause, programName, TcpStream, type SocketError } from '../../engine/cluster.ts'
