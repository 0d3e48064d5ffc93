/** Puts the console together: words, queries, routes. */

import "./style/tokens.css";
import "./style/base.css";
import "./style/ui.css";
import "./style/layers.css";
import "./style/shell.css";
import "./style/grid.css";
import "./style/contacts.css";
import "./style/pages.css";
import "./style/filter.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { createRoot } from "react-dom/client";
import { makeQueryClient } from "./api/queries";
import { makeRouter } from "./routes/router";
import { Speaking } from "./session/speaking";

const queries = makeQueryClient();
const router = makeRouter();

const place = document.getElementById("root");
if (!place) throw new Error("the page has no place for the console");

createRoot(place).render(
  <QueryClientProvider client={queries}>
    <Speaking>
      <RouterProvider router={router} />
    </Speaking>
  </QueryClientProvider>,
);
