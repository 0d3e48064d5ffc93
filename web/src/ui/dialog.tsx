/** A dialog over the page; Esc and a press outside close it where it says so. */

import { X } from "lucide-react";
import type { ReactNode } from "react";
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { useText } from "../text/language";
import { IconButton } from "./parts";

interface Props {
  title: string;
  onClose: (() => void) | undefined;
  children: ReactNode;
}

export function Dialog({ title, onClose, children }: Props) {
  const text = useText();
  return (
    <ModalOverlay
      className="scrim"
      isOpen
      isDismissable={onClose !== undefined}
      isKeyboardDismissDisabled={onClose === undefined}
      onOpenChange={(open) => !open && onClose?.()}
    >
      <Modal className="modal">
        <AriaDialog className="dialog">
          <header>
            <Heading slot="title" level={2}>
              {title}
            </Heading>
            {onClose && (
              <IconButton name={text.act.close} onPress={onClose}>
                <X size={16} />
              </IconButton>
            )}
          </header>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}
