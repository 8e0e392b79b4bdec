/** Made by published.mjs when Podhop is built. */
declare module 'virtual:kubernetes-openapi' {
  /**
   * JSON of Record<name of the type, PublishedType>. Types of fields: string, boolean, int32, int64, double,
   * #name, [T] a list, {T} a map.
   */
  const text: string
  export default text
}
