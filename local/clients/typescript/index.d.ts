import type { Client, ClientOptions } from "openapi-fetch";
import type { components, paths } from "./schema.js";

/** Every schema by its name: `Schemas["Asset"]`. */
export type Schemas = components["schemas"];

/** A client of a stack at `baseUrl` (its output `ApiUrl`), with a bearer token of it. */
export declare function driveway(
  baseUrl: string,
  token: string,
  options?: Omit<ClientOptions, "baseUrl">,
): Client<paths>;
